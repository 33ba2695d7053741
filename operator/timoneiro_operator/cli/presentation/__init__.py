"""What was read, in sentences, trees and tables. Pure: no cluster, and time is an argument."""
