/// The stages of an event's way through the service, in its order, each by itself: what BenchmarkPlugin's `main` runs.
func benchmarks() {
    decoding()
    matching()
    appending()
    framing()
    delivering()
    sealing()
    timing()
}
