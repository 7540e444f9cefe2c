import Testing

@testable import FanfareServer
