"""What an adapter is written with: the interface, the fitting helper, the one HTTP driver and the laws."""
