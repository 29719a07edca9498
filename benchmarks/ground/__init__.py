"""What benchmarks stand on: a union with members who hold active cards, merchants, programs."""
