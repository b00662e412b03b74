"""What a method costs: parameters, operations, time and memory; nothing is read or written."""
