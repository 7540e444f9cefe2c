/// Where each membership stands in its interest's member list, so that leaving costs the same however many members there
/// are. Slots are reused; a free one holds the next free one.
struct MemberLinks {
    private static let none = UInt32.max
    private var places: [UInt32] = []
    private var firstFree = none

    subscript(link: UInt32) -> UInt32 {
        get { places[Int(link)] }
        set { places[Int(link)] = newValue }
    }

    mutating func make() -> UInt32 {
        if firstFree == Self.none {
            places.append(0)
            return UInt32(places.count - 1)
        }
        let link = firstFree
        firstFree = places[Int(link)]
        return link
    }

    mutating func free(_ link: UInt32) {
        places[Int(link)] = firstFree
        firstFree = link
    }
}
