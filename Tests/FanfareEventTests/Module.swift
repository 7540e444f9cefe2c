import Testing

@testable import FanfareEvent
