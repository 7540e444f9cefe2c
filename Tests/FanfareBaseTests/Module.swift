import Testing

@testable import FanfareBase
