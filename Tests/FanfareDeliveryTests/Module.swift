import Testing

@testable import FanfareDelivery
