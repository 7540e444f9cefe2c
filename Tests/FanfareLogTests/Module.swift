import Testing

@testable import FanfareLog
