import FanfareBase

/// What the service counts, as Prometheus reads it (text format 0.0.4).
struct MetricsPage {
    let service: ServiceContext
    let lags: SocketLags

    /// The page.
    var text: [UInt8] {
        var page = ""
        counter("connections_accepted_total", "Connections accepted.", \.connectionsAccepted, &page)
        counter("connections_refused_total", "Connections refused at the limit.", \.connectionsRefused, &page)
        counter(
            "connections_turned_away_total", "Clients beyond a limit on connections.", \.connectionsTurnedAway, &page)
        counter("connections_closed_total", "Connections that have ended.", \.connectionsClosed, &page)
        counter("tls_failures_total", "TLS sessions that failed.", \.tlsFailures, &page)
        counter("receive_buffers_exhausted_total", "Receives that found no buffer.", \.receiveBuffersExhausted, &page)
        counter(
            "output_overflows_total", "Connections closed because they did not take our answers.", \.outputOverflows,
            &page)
        counter("sent_bytes_total", "Bytes sent, with TLS and framing.", \.bytesSent, &page)
        counter("sends_total", "Sends made.", \.sends, &page)
        counter("short_sends_total", "Sends of which the kernel took only a part.", \.shortSends, &page)
        counter("http_requests_total", "HTTP requests.", \.requests, &page)
        counter("http_requests_refused_total", "HTTP requests answered with an error.", \.requestsRefused, &page)
        counter("tokens_verified_total", "JSON Web Tokens verified, good or not.", \.tokensVerified, &page)
        counter("events_accepted_total", "Events given a number.", \.eventsAccepted, &page)
        counter("events_duplicate_total", "Events that were in the log already.", \.eventsDuplicate, &page)
        counter("events_announced_total", "Events told to a shard's members.", \.eventsAnnounced, &page, perShard: true)
        counter("catch_up_reads_total", "Blocks of the log read for those who lag.", \.catchUpReads, &page)
        counter("catch_up_read_bytes_total", "Bytes of the log read for those who lag.", \.catchUpReadBytes, &page)
        counter("catch_up_bytes_total", "Bytes sent to sockets from the log.", \.catchUpBytes, &page)
        counter("catch_up_events_total", "Events sent to sockets from the log.", \.catchUpEvents, &page)
        counter("sockets_opened_total", "Sockets that have subscribed.", \.socketsOpened, &page)
        counter("sockets_closed_total", "Subscribed sockets that have ended.", \.socketsClosed, &page)
        counter("webhook_attempts_total", "Webhook attempts made.", \.webhookAttempts, &page)
        counter("webhook_delivered_total", "Webhook attempts that succeeded.", \.webhookDelivered, &page)
        counter("webhook_failed_total", "Webhook attempts that failed.", \.webhookFailed, &page)
        counter("webhook_dead_letters_total", "Webhook deliveries given up.", \.webhookDeadLetters, &page)
        counter(
            "webhook_connections_opened_total", "Connections made to webhook endpoints.", \.webhookConnectionsOpened,
            &page)
        counter("journal_entries_total", "Decisions of delivery taken into the journal.", \.journalRecorded, &page)
        counter("journal_synced_total", "Of those, the ones that are synced.", \.journalSynced, &page)
        counter("turns_total", "Turns of the shards' loops.", \.turns, &page, perShard: true)
        stages(&page)
        gauge("log_head", "The last committed sequence.", service.catalog.head.rawValue, &page)
        gauge("log_first_retained", "The first sequence not removed.", service.catalog.firstRetained.rawValue, &page)
        gauge("shards", "Shards.", UInt64(service.shardCount), &page)
        gauge(
            "connections", "Connections now open.", UInt64(service.metrics.reduce(0) { $0 + $1.connectionsOpen }), &page
        )
        gauge(
            "sockets", "Subscribed sockets now open.", UInt64(service.metrics.reduce(0) { $0 + $1.socketsOpen }), &page)
        gauge("start_time_seconds", "When the service started.", service.startedAt.seconds, &page)
        sockets(&page)
        subscriptions(&page)
        return Array(page.utf8)
    }

    /// The stages of events' way to the kernel, all shards together.
    private func stages(_ page: inout String) {
        family(
            "stage_seconds", "How long events took from one stage of their way to the kernel to the next.", "histogram",
            &page)
        for stage in EventStage.allCases {
            let times = service.metrics.map { $0.stages[stage.rawValue] }
            var sum: UInt64 = 0
            for index in 0...DurationCounter.boundsCount {
                sum += times.reduce(0) { $0 &+ $1.count(index) }
                let seconds = Double(DurationCounter.microseconds(ofBound: index)) / 1e6
                let bound = index < DurationCounter.boundsCount ? "\(seconds)" : "+Inf"
                page += "fanfare_stage_seconds_bucket{stage=\"\(stage.name)\",le=\"\(bound)\"} \(sum)\n"
            }
            let seconds = Double(times.reduce(0) { $0 &+ $1.nanoseconds }) / 1e9
            page += "fanfare_stage_seconds_sum{stage=\"\(stage.name)\"} \(seconds)\n"
            page += "fanfare_stage_seconds_count{stage=\"\(stage.name)\"} \(sum)\n"
        }
    }

    /// Sockets: why they ended, and how far those that are open are behind.
    private func sockets(_ page: inout String) {
        family("sockets_ended_total", "Sockets that have ended, by reason.", "counter", &page)
        for end in SocketEnd.allCases {
            let count = service.metrics.reduce(0) { $0 &+ $1.socketEnds[end.rawValue].current }
            page += "fanfare_sockets_ended_total{reason=\"\(end.name)\"} \(count)\n"
        }
        gauge("socket_lag_max", "Events the socket most behind has yet to get.", lags.most, &page)
        gauge(
            "sockets_catching_up", "Sockets that read the log, being behind what memory holds.", lags.catchingUp, &page)
        family("sockets_by_lag", "Open sockets that are at most so many events behind.", "gauge", &page)
        var sum: UInt64 = 0
        for (index, count) in lags.counts.enumerated() {
            sum += count
            let bound = index < SocketLags.bounds.count ? "\(SocketLags.bounds[index])" : "+Inf"
            page += "fanfare_sockets_by_lag{le=\"\(bound)\"} \(sum)\n"
        }
    }

    /// Webhook subscriptions: how many in which state, and how each is doing as long as they are not too many.
    private func subscriptions(_ page: inout String) {
        let entries = service.subscriptions.all.sorted { $0.id < $1.id }
        var states = ["active": 0, "failing": 0, "disabled": 0, "paused": 0]
        var rows: [(id: String, status: SubscriptionStatus.Snapshot, lag: UInt64)] = []
        for entry in entries {
            states[entry.state, default: 0] += 1
            let status = entry.status.current
            rows.append((entry.id, status, SubscriptionEntry.lag(of: entry.cursor(status, service), service)))
        }
        family("subscriptions", "Webhook subscriptions by state.", "gauge", &page)
        for (state, count) in states.sorted(by: { $0.key < $1.key }) {
            page += "fanfare_subscriptions{state=\"\(state)\"} \(count)\n"
        }
        gauge(
            "webhook_in_flight", "Webhook attempts under way.", UInt64(rows.reduce(0) { $0 + $1.status.inFlight }),
            &page)
        gauge(
            "webhook_retrying", "Webhook deliveries that wait for their next attempt.",
            UInt64(rows.reduce(0) { $0 + $1.status.retrying }), &page)
        gauge("webhook_lag_max", "Events the webhook most behind has yet to settle.", rows.map(\.lag).max() ?? 0, &page)
        guard !rows.isEmpty, rows.count <= Limits.metricsSubscriptionsMax else { return }
        family("subscription_lag", "Events a webhook subscription has yet to settle.", "gauge", &page)
        for (id, _, lag) in rows { page += "fanfare_subscription_lag{subscription=\"\(id)\"} \(lag)\n" }
        family("subscription_dead_letters", "Deliveries given up on and kept.", "gauge", &page)
        for (id, status, _) in rows {
            page += "fanfare_subscription_dead_letters{subscription=\"\(id)\"} \(status.deadLetters)\n"
        }
    }

    private func family(_ name: String, _ help: String, _ type: String, _ page: inout String) {
        page += "# HELP fanfare_\(name) \(help)\n# TYPE fanfare_\(name) \(type)\n"
    }

    private func counter(
        _ name: String, _ help: String, _ counter: KeyPath<ShardMetrics, Counter>, _ page: inout String,
        perShard: Bool = false
    ) {
        family(name, help, "counter", &page)
        guard perShard else {
            page += "fanfare_\(name) \(service.metrics.reduce(0) { $0 &+ $1[keyPath: counter].current })\n"
            return
        }
        for (number, metrics) in service.metrics.enumerated() {
            page += "fanfare_\(name){shard=\"\(number)\"} \(metrics[keyPath: counter].current)\n"
        }
    }

    private func gauge(_ name: String, _ help: String, _ value: UInt64, _ page: inout String) {
        family(name, help, "gauge", &page)
        page += "fanfare_\(name) \(value)\n"
    }
}
