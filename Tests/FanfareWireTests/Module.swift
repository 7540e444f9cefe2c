import Testing

@testable import FanfareWire
