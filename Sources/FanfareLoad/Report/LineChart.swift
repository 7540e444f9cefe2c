/// A chart of lines as SVG, with axes, a legend when there are several lines, and each point's value under the pointer.
struct LineChart {
    /// One line.
    struct Series {
        var title: String
        var points: [(x: Double, y: Double)]
    }

    var title: String
    var series: [Series]
    var x: (kind: Scale.Kind, title: String, text: @Sendable (Double) -> String)
    var y: (kind: Scale.Kind, title: String, text: @Sendable (Double) -> String)
    /// Where the axis of x has marks, instead of round values.
    var xTicks: [(place: Double, text: String)]?

    private static let width = 720.0
    private static let height = 280.0
    private static let margin = (left: 64.0, right: 16.0, top: 12.0, bottom: 44.0)

    /// The figure; nothing when there is nothing to draw.
    var markup: String {
        let points = series.flatMap(\.points)
        guard !points.isEmpty else { return "" }
        let bottom = Self.height - Self.margin.bottom
        let right = Self.width - Self.margin.right
        let across = Scale(x.kind, holding: points.map(\.x), from: Self.margin.left, to: right)
        let up = Scale(y.kind, holding: points.map(\.y), from: bottom, to: Self.margin.top)
        var svg =
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" aria-label=\"\(Markup.escaped(title))\">"
        for tick in up.ticks {
            let place = Markup.coordinate(up.place(tick))
            svg +=
                "<line class=\"grid\" x1=\"\(Markup.coordinate(Self.margin.left))\" x2=\"\(Markup.coordinate(right))\" y1=\"\(place)\" y2=\"\(place)\"/>"
            svg += label(y.text(tick), x: Self.margin.left - 8, y: up.place(tick) + 4, anchor: "end")
        }
        for (value, text) in xTicks ?? across.ticks.map({ ($0, x.text($0)) }) where across.bounds.contains(value) {
            // What would stick out at the right ends there.
            let place = across.place(value)
            let isLast = place + Self.margin.right > right
            svg += label(text, x: isLast ? Self.width : place, y: bottom + 18, anchor: isLast ? "end" : "middle")
        }
        svg += label(x.title, x: (Self.margin.left + right) / 2, y: Self.height - 6, anchor: "middle")
        for (index, line) in series.enumerated() { svg += drawn(line, index, across, up) }
        return "<figure><figcaption>\(Markup.escaped(title))</figcaption>\(legend)\(svg)</svg></figure>"
    }

    private var legend: String {
        guard series.count > 1 else { return "" }
        let keys = series.enumerated().map {
            "<span class=\"entry\"><span class=\"key s\($0 % 6)\"></span>\(Markup.escaped($1.title))</span>"
        }
        return "<p class=\"legend\">\(keys.joined(separator: " "))</p>"
    }

    private func drawn(_ line: Series, _ index: Int, _ across: Scale, _ up: Scale) -> String {
        let places = line.points.map { (Markup.coordinate(across.place($0.x)), Markup.coordinate(up.place($0.y))) }
        let path = places.map { "\($0.0),\($0.1)" }.joined(separator: " ")
        var svg = "<g class=\"s\(index % 6)\"><polyline points=\"\(path)\"/>"
        for (point, place) in zip(line.points, places) {
            let text = Markup.escaped("\(line.title), \(x.text(point.x)): \(y.text(point.y))")
            svg += "<circle cx=\"\(place.0)\" cy=\"\(place.1)\" r=\"6\"><title>\(text)</title></circle>"
        }
        return svg + "</g>"
    }

    private func label(_ text: String, x: Double, y: Double, anchor: String) -> String {
        "<text x=\"\(Markup.coordinate(x))\" y=\"\(Markup.coordinate(y))\" text-anchor=\"\(anchor)\">\(Markup.escaped(text))</text>"
    }
}
