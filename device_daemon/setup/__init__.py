"""Changes to the config by a program: the comments of the file stay, and a wrong change is not written."""
