"""What the vendor's plugin did, and the program that it did it with."""
