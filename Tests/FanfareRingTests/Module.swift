import Testing

@testable import FanfareRing
