"""The commands of ``qjm``, a file each."""
