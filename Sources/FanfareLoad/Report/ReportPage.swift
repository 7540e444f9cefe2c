import Glibc

/// A result, or a comparison of results, as one HTML file that needs nothing else.
package struct ReportPage {
    private let title: String
    private var body: [String] = []

    /// The page of one run.
    package init(_ result: BenchResult) {
        title = "fanfare bench: \(result.profile)"
        body.append(Markup.element("p", result.description, classes: "lead"))
        body.append(Self.facts(result.facts))
        body.append(Self.misses(result.misses))
        body.append(Self.summary(result))
        body.append(
            Self.section(
                "Latency", "From the planned send to the receipt, whatever was late on the way.",
                [
                    Self.latencies(result), Self.curve([("", result)]),
                ]))
        body.append(Self.section("Course", nil, Self.course(result)))
        body.append(
            Self.section(
                "Stages in the service",
                "Each from the end of the one before; mean, half and 99 % of the events. Then what is left of the mean latency of sockets that only receive.",
                [
                    Self.stages(result)
                ]))
    }

    /// The page of two sides: their figures side by side, and the first run of each as curves.
    package init(
        _ comparison: BenchComparison, a: (name: String, results: [BenchResult]),
        b: (name: String, results: [BenchResult])
    ) {
        title = "fanfare bench: \(a.name) and \(b.name)"
        let runs =
            comparison.pairs == 1
            ? "one run each: no interval can be told" : "\(comparison.pairs) pairs of runs, 95 % intervals"
        body.append(Markup.element("p", "\(b.name) beside \(a.name): \(runs).", classes: "lead"))
        body.append(Self.misses(comparison.warnings))
        body.append(
            Self.section(
                "Ratios", "Beyond 1 the second side has more. For times, less is better.", [Self.ratios(comparison)]))
        let first = [a, b].compactMap { side in side.results.first.map { (side.name + ": ", $0) } }
        body.append(Self.section("Latency", "The first run of each.", [Self.curve(first)]))
        for side in first { body.append(Self.facts([("side", String(side.0.dropLast(2)))] + side.1.facts)) }
    }

    /// The whole document.
    package var text: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(Markup.escaped(title))</title>
        <style>
        \(Self.style)
        </style></head>
        <body><main>
        <h1>\(Markup.escaped(title))</h1>
        \(body.filter { !$0.isEmpty }.joined(separator: "\n"))
        </main></body>
        </html>

        """
    }

    // MARK: Parts

    private static func section(_ title: String, _ note: String?, _ parts: [String]) -> String {
        let parts = parts.filter { !$0.isEmpty }
        guard !parts.isEmpty else { return "" }
        let note = note.map { Markup.element("p", $0, classes: "note") } ?? ""
        return "<section>\(Markup.element("h2", title))\(note)\(parts.joined())</section>"
    }

    private static func facts(_ facts: [(name: String, value: String)]) -> String {
        let items = facts.map { fact in
            let pair = Markup.element("dt", fact.name.replacing("_", with: " ")) + Markup.element("dd", fact.value)
            return "<div>\(pair)</div>"
        }
        return "<dl>\(items.joined())</dl>"
    }

    private static func misses(_ misses: [String]) -> String {
        if misses.isEmpty { return "" }
        return "<ul class=\"misses\">" + misses.map { Markup.element("li", $0) }.joined() + "</ul>"
    }

    private static func summary(_ result: BenchResult) -> String {
        var tiles = result.figures.map { ($0.name, Markup.count($0.value)) }
        tiles.append(("lost", Markup.count(Double(result.groups.reduce(0) { $0 + $1.counts[2] }))))
        let limit = Markup.element(
            "p", "Limited by: \(result.limit ?? "nothing; the rate was the profile's").", classes: "note")
        return "<div class=\"tiles\">"
            + tiles.map { "<div>\(Markup.element("b", $0.1))\(Markup.element("span", $0.0))</div>" }.joined() + "</div>"
            + limit
    }

    private static func latencies(_ result: BenchResult) -> String {
        let shares = [0.5, 0.9, 0.99, 0.999, 0.9999, 1]
        func times(_ latency: BenchResult.Latency) -> [String] {
            shares.map { latency.percentile($0).map { Markup.time(nanoseconds: $0) } ?? "" }
        }
        let groups = result.groups.map { group in
            [group.title] + group.counts.map { Markup.count(Double($0)) } + times(group.latency)
        }
        let others = result.others.map { [$0.title] + Array(repeating: "", count: 5) + times($0.latency) }
        return Markup.table(
            [
                "", "members", "deliveries", "lost", "twice", "disordered", "p50", "p90", "p99", "p99.9", "p99.99",
                "max",
            ],
            groups + others)
    }

    /// The percentile curve of every group: a nine more is as far as the one before.
    private static func curve(_ results: [(prefix: String, result: BenchResult)]) -> String {
        func place(_ share: Double, _ count: Double) -> Double { share < 1 ? -log10(1 - share) : log10(max(count, 1)) }
        let series = results.flatMap { prefix, result in
            result.groups.map { group in
                LineChart.Series(
                    title: prefix + group.title,
                    points: group.latency.curve.map { (place($0.share, group.latency.count), max($0.nanoseconds, 1)) })
            }
        }
        let nines = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999]
        return LineChart(
            title: "Latency by percentile", series: series,
            x: (.linear, "percentile", { "p\(Markup.number(100 * (1 - pow(10, -$0)), 4))" }),
            y: (.logarithmic, "", { Markup.time(nanoseconds: $0) }),
            xTicks: nines.map { (place($0, 1), "p\(Markup.number(100 * $0, 4))") }
        ).markup
    }

    private static func course(_ result: BenchResult) -> [String] {
        guard result.intervals.count > 1 else { return [] }
        let seconds: @Sendable (Double) -> String = { "\(Markup.number($0, 2)) s" }
        func line(_ title: String, _ value: (BenchResult.Interval) -> Double?) -> LineChart.Series {
            LineChart.Series(title: title, points: result.intervals.compactMap { i in value(i).map { (i.end, $0) } })
        }
        func chart(
            _ title: String, _ lines: [LineChart.Series], _ kind: Scale.Kind,
            _ text: @escaping @Sendable (Double) -> String
        ) -> String {
            LineChart(
                title: title, series: lines.filter { !$0.points.isEmpty },
                x: (.linear, "since the beginning", seconds), y: (kind, "", text)
            ).markup
        }
        return [
            chart("Deliveries a second", [line("deliveries") { $0.delivered }], .linear) { Markup.count($0) },
            chart("Events published a second", [line("events") { $0.published }], .linear) { Markup.count($0) },
            chart(
                "Latency of what came", [line("p50") { $0.p50 }, line("p99") { $0.p99 }, line("max") { $0.most }],
                .logarithmic
            ) { Markup.time(nanoseconds: $0) },
            chart("CPU of the service, in cores", [line("cores") { $0.cpu }], .linear) { Markup.number($0, 2) },
        ]
    }

    private static func stages(_ result: BenchResult) -> String {
        guard let most = (result.stages.map(\.mean) + [result.afterStages ?? 0]).max(), most > 0 else { return "" }
        let stages = result.stages.map { ($0.name, [$0.mean] + $0.percentiles) }
        let after = result.afterStages.map { ("then to the sockets", [$0]) }
        let rows = (stages + [after].compactMap { $0 }).map { name, times in
            let cells = (0..<3).map {
                Markup.element("td", $0 < times.count ? Markup.time(nanoseconds: times[$0] * 1e9) : "")
            }
            let bar =
                "<td class=\"bar\"><span style=\"width:\(Markup.coordinate(100 * times[0] / most))%\"></span></td>"
            return "<tr>\(Markup.element("th", name))\(bar)\(cells.joined())</tr>"
        }
        return
            "<div class=\"scroll\"><table class=\"stages\"><thead><tr><th></th><th></th><th>mean</th><th>p50</th><th>p99</th></tr></thead>"
            + "<tbody>\(rows.joined())</tbody></table></div>"
    }

    private static func ratios(_ comparison: BenchComparison) -> String {
        let ends = comparison.rows.flatMap {
            [$0.ratio, $0.interval?.lowerBound ?? $0.ratio, $0.interval?.upperBound ?? $0.ratio]
        }
        let reach = min(max(ends.map { abs(log($0)) }.max() ?? 0, log(1.1)), log(10))
        let rows = comparison.rows.map { row in
            let values = [row.a, row.b].map { row.isTime ? Markup.time(nanoseconds: $0) : Markup.count($0) }
            let interval =
                row.interval.map { "\(Markup.number($0.lowerBound, 2)) to \(Markup.number($0.upperBound, 2))" } ?? ""
            let cells = (values + [Markup.number(row.ratio, 2), interval]).map { Markup.element("td", $0) }.joined()
            let verdict = Markup.element("td", row.verdict.rawValue, classes: "\(row.verdict)")
            return "<tr>\(Markup.element("th", row.name))\(cells)<td>\(whiskers(row, reach))</td>\(verdict)</tr>"
        }
        return
            "<div class=\"scroll\"><table><thead><tr><th></th><th>A</th><th>B</th><th>B/A</th><th>95 %</th><th></th><th></th></tr></thead>"
            + "<tbody>\(rows.joined())</tbody></table></div>"
    }

    /// The ratio as a dot and its interval as a line, around 1 in the middle.
    private static func whiskers(_ row: BenchComparison.Row, _ reach: Double) -> String {
        func place(_ ratio: Double) -> String {
            Markup.coordinate(90 + 80 * min(max(log(ratio) / reach, -1.05), 1.05))
        }
        let interval = row.interval.map {
            "<line class=\"whisker\" x1=\"\(place($0.lowerBound))\" x2=\"\(place($0.upperBound))\" y1=\"9\" y2=\"9\"/>"
        }
        return
            "<svg class=\"ratio \(row.verdict)\" viewBox=\"0 0 180 18\" aria-hidden=\"true\"><line class=\"grid\" x1=\"90\" x2=\"90\" y1=\"0\" y2=\"18\"/>"
            + "\(interval ?? "")<circle cx=\"\(place(row.ratio))\" cy=\"9\" r=\"4\"/></svg>"
    }

    private static let style = """
        :root { color-scheme: light dark; --ground: #fcfcfb; --text: #1a1a19; --quiet: #66655f; --line: #e4e3de; --panel: #f3f2ee;
          --good: #0b7a4b; --bad: #b3261e; --s0: #2a78d6; --s1: #1baf7a; --s2: #c77700; --s3: #7a4fc9; --s4: #d0437d; --s5: #5b6470; }
        @media (prefers-color-scheme: dark) { :root { --ground: #1a1a19; --text: #f0efe9; --quiet: #a5a49c; --line: #383835;
          --panel: #242422; --good: #4cc38a; --bad: #ff8a80; --s0: #5b9ff0; --s1: #2fbf8c; --s2: #dc9a33; --s3: #a98df0; --s4: #f07aa8;
          --s5: #a3adba; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
        main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
        h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .25rem; }
        .lead { font-size: 1.05rem; margin: 0 0 1rem; } .note, dt, figcaption, .tiles span, .legend { color: var(--quiet); font-size: .85rem; }
        dl { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin: 0; } dl div { display: flex; gap: .4rem; }
        dd { margin: 0; font-size: .85rem; overflow-wrap: anywhere; }
        .misses { border-left: 3px solid var(--bad); color: var(--bad); margin: 1rem 0; padding: .25rem 0 .25rem 1.5rem; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
        .tiles div { background: var(--panel); border-radius: .5rem; padding: .75rem 1rem; } .tiles b { display: block; font-size: 1.2rem; }
        .scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .85rem; margin: .75rem 0; }
        th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap;
          font-variant-numeric: tabular-nums; } th:first-child { text-align: left; } th { font-weight: 600; } thead th { color: var(--quiet); }
        figure { margin: 1rem 0; } .legend { margin: .25rem 0; } .entry { margin-right: .5rem; white-space: nowrap; }
          .key { display: inline-block; width: .8rem; height: .2rem; margin: 0 .35rem .25rem 0; background: currentColor; }
        figure { overflow-x: auto; } svg { display: block; width: 100%; height: auto; } figure svg { min-width: 34rem; } svg text { fill: var(--quiet); font: 12px system-ui, sans-serif; }
        .grid { stroke: var(--line); } polyline { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
        g circle { fill: transparent; } g circle:hover { fill: currentColor; }
        .s0 { color: var(--s0); } .s1 { color: var(--s1); } .s2 { color: var(--s2); } .s3 { color: var(--s3); } .s4 { color: var(--s4); }
        .s5 { color: var(--s5); }
        .bar { width: 45%; } .bar span { display: block; height: .9rem; min-width: 1px; border-radius: 0 3px 3px 0; background: var(--s0); }
        .ratio { width: 11rem; } .ratio circle { fill: var(--quiet); } .whisker { stroke: var(--quiet); stroke-width: 2; }
        .better { color: var(--good); } .worse { color: var(--bad); } .better circle { fill: var(--good); } .worse circle { fill: var(--bad); }
        .better .whisker { stroke: var(--good); } .worse .whisker { stroke: var(--bad); }
        """
}
