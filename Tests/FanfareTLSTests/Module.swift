import Testing

@testable import FanfareTLS
