/// The server's limits: each with its unit, its reason and what happens there. `docs/LIMITS.md` lists them.
enum Limits {
    // MARK: Turn

    /// Connections one turn sends events to, before completions are looked at again: a quarter of a millisecond of small
    /// sends. The rest follows in the next turn, so a wide fan-out delays nobody by more than a turn; what is published
    /// meanwhile is acknowledged soon and leaves with the same sends.
    static let fanoutVisitsPerTurn = 64
    /// Interests of a member that count as one more visit, for each of them is looked at; one that reads the log compares each
    /// event with each, so its events count as many times as many bytes.
    static let interestsPerVisit = 64
    /// Bytes of the arena sends of one turn are gathered and sealed in. When it is full the rest waits for the next turn.
    static let arenaBytes = 8 << 20
    /// Bytes of events in a subscriber's first send, and in the one after a send of which the kernel took a part only: one
    /// TLS record, so one that stalls has little of ours in its own output. It doubles with each large send that is taken whole.
    static let eventSendBytesFirst = 16 << 10
    /// Bytes of events in one send: what segmentation offload takes as one packet, four TLS records; with TLS 16 KiB once the
    /// shard's connections hold half of their share of `limits.memory`. More pending events go out in the next send of the
    /// connection.
    static let eventSendBytesMax = 64 << 10
    /// Bytes of one send from a connection's own output; the rest follows.
    static let outputSendBytesMax = 64 << 10
    /// Subscribers that are catching up that a turn serves; live traffic goes on between turns.
    static let catchUpVisitsPerTurn = 64
    /// Bytes of records a turn looks at for subscribers that are catching up, whether they want them or not: about a
    /// millisecond. The rest follows in the next turn.
    static let catchUpBytesPerTurn = 1 << 20
    /// Bytes of events in one send to a subscriber that is catching up without TLS: fewer turns and fewer sends an event.
    static let catchUpSendBytesMax = 256 << 10

    /// Bytes for the addresses of one turn's connects. When they are used up a connect fails; its delivery is tried again.
    static let addressBytes = 64 << 10
    /// Bytes the arena must have left for one more send: the largest of live events, sealed.
    static let arenaRoomPerVisit = 80 << 10
    /// Receive buffers of 16 KiB per shard. When all are in use receiving pauses until some are given back.
    static let receiveBuffersPerShard = 256

    /// Accepted connections a turn takes in: a quarter of a millisecond with TLS. The rest follows in the next turns, in order.
    static let acceptsPerTurn = 8
    /// Steps of clients' TLS handshakes a turn takes: a third of a millisecond for the first of a handshake, half of that for
    /// the second. An event takes two or three turns to its subscribers. Further steps wait in the order in which their
    /// clients came, first and second ones in turn, as long as it takes.
    static let handshakeStepsPerTurn = 1
    /// Bytes of a client's flight that wait for its step; real ones have up to 2 KiB, and what is said with the last one. Past
    /// it the rest stays in the socket until then.
    static let handshakeInputBytesMax = 32 << 10
    /// Ends of clients' connections a turn acts on, a quarter of a millisecond with TLS. Further ones wait in order.
    static let endsPerTurn = 8

    /// Milliseconds between looks at whether everything has ended, while draining.
    static let drainPollMilliseconds = 20

    // MARK: Connections

    /// Bytes of answers, control messages and unsent rests a connection may hold, above the largest page of events. Past it
    /// the connection is closed: the peer makes us talk and does not listen.
    static let connectionOutputBytesMax = 32 << 20
    /// Milliseconds from accepting to a complete request head (slowloris). At the limit: 408 and the end.
    static let headTimeoutMilliseconds = 10_000
    /// Bytes of one request body: a batch of many events. Past it: 413.
    static let bodyBytesMax = 16 << 20
    /// Bytes of memory that events were decoded into up to which it is kept for the next request; larger memory is freed.
    static let stagingBytesKept = 1 << 20
    /// How many of these are kept, a shard; more are freed.
    static let stagingsKept = 4
    /// Milliseconds a request body may take. At the limit: 408 and the end.
    static let bodyTimeoutMilliseconds = 60_000
    /// Milliseconds an HTTP connection may idle between requests. At the limit it is closed.
    static let idleTimeoutMilliseconds = 120_000
    /// Milliseconds a connection that is ending may take to send its last bytes. At the limit it is cut.
    static let finishTimeoutMilliseconds = 5_000
    /// Milliseconds input is read and dropped after our side has ended, so that the last answer arrives.
    static let lingerTimeoutMilliseconds = 1_000
    /// Bytes of answers that wait for one HTTP connection. At the limit no further request of it is read until they are gone.
    static let answersWaitingBytesMax = 1 << 20
    /// Requests of one connection that may await their answer (pipelining). At the limit its input is not read.
    static let pipelinedRequestsMax = 128
    /// Connections beyond `limits.connections` or `limits.connections_per_address` that a shard tells so (503, 429) at one
    /// time. Further ones are closed without a word.
    static let turnedAwayMax = 256
    /// Seconds until those turned away are asked to try again.
    static let turnedAwayRetrySeconds = 5
    /// Connections to endpoints a shard has room for, besides its clients. At it attempts wait and are tried again.
    static let endpointConnectionsTotalMax = 65_536
    /// Bytes of its request or message, and of what it is sent, that a connection may hold although the shard's connections
    /// have used up their share of `limits.memory`. Beyond it a publisher gets 503, a socket is closed with 1013, and one
    /// that does not take its answers is closed.
    static let connectionBytesAssured = 64 << 10
    /// Bytes of a line of a stream client nobody knows yet: a token, and room around it. Past it the connection ends.
    static let unauthenticatedLineBytesMax = 32 << 10
    /// Milliseconds until accepting is tried again after it was refused (no descriptors, no memory).
    static let acceptRetryMilliseconds = 100
    /// Connections in the kernel's accept queue. Past it the kernel lets new ones retry.
    static let listenBacklog = 4_096

    /// Descriptors for which the kernel's table is made at start, 8 bytes each, besides `limits.connections` and the limit on
    /// open files. Beyond it the table doubles while clients come in, which stops a shard for some 10 ms each time.
    static let descriptorsReservedMax = 131_072
    /// Descriptors that are not clients': files, listeners, rings, connections to endpoints. The table is made for so many more.
    static let descriptorsBesideClients = 1_024

    /// How often a listening address that is in use is tried again at start: a killed service's sockets live on for a
    /// moment. After the last try the start fails.
    static let listenerAttempts = 40
    /// Milliseconds between these tries.
    static let listenerRetryMilliseconds = 50

    // MARK: Sockets

    /// Milliseconds from a connection's begin to its token on the stream protocol, where one is needed. At the limit: an
    /// `error` op and the end, whatever else it sent.
    static let authenticationTimeoutMilliseconds = 10_000
    /// Milliseconds between heartbeats of a socket (CONTRACT, section 5).
    static let heartbeatMilliseconds = 15_000
    /// Milliseconds between WebSocket pings (CONTRACT, section 5).
    static let pingMilliseconds = 25_000
    /// Milliseconds without a byte either way, as the peer's kernel acknowledges them, after which a socket is dead
    /// (CONTRACT, section 5).
    static let deadAfterMilliseconds = 60_000
    /// Bytes of one message that is echoed (`--websocket-echo`); public suites send 16 MiB. A longer one closes with 1009.
    static let echoMessageBytesMax = 24 << 20
    /// Bytes of echoes that wait for their client. At the limit its input is not read until they are gone.
    static let echoWaitingBytesMax = 1 << 20
    /// Bytes of our messages and answers that wait for one socket. At the limit its input is not read until they are gone: a
    /// peer that makes us talk and does not listen waits.
    static let socketWaitingBytesMax = 32 << 10
    /// Publishes of one socket that may await their answer. At the limit its input is not read.
    static let socketPublishesMax = 128
    /// Characters of the detail of an `error` op; what is quoted from the client is cut there.
    static let errorDetailCharactersMax = 400
    /// Subscriptions on one socket. One more is refused with an `error` op (CONTRACT, section 5).
    static let subscriptionsPerSocketMax = 64
    /// Bytes of one message or line from a socket client besides the event itself.
    static let socketMessageOverheadBytes = 4 << 10
    /// Milliseconds Server-Sent Events clients are asked to wait before they reconnect.
    static let reconnectMilliseconds = 1_000

    /// Bytes of our messages that wait for the end of a frame under way. Past it the connection is closed.
    static let heldControlBytesMax = 64 << 10
    /// Patterns in one subscribe.
    static let patternsPerSubscriptionMax = 64
    /// Bytes of a socket subscription's name.
    static let subscriptionNameBytesMax = 128

    // MARK: Reading the log

    /// Bytes of one read for those who lag; a batch larger than that is read whole.
    static let logBlockBytes = 256 << 10
    /// Blocks a shard keeps: cursors that stand close together share them. The one used longest ago goes first.
    static let logBlocksMax = 32
    /// Reads of the log in flight on a shard. Who needs another one waits until one has ended: more would push blocks out
    /// before they are used.
    static let logReadsMax = 16
    /// Reads in flight from which on nothing is read ahead.
    static let logReadsAheadMax = 4
    /// Topic indexes of sealed segments a shard keeps. The one read first goes first.
    static let logIndexesMax = 4
    /// Results of looking for topics in an index a shard keeps, for all who want the same. The oldest goes first.
    static let logPlansMax = 256
    /// Places a search for the last so many events remembers, 8 KiB; an even number. When they are used up every other is
    /// forgotten, and what lies between two of them is read again.
    static let lastSearchMarksMax = 1_024
    /// Segment files a shard keeps open. The one opened first goes first.
    static let logFilesOpenMax = 32

    // MARK: Webhooks

    /// Attempts of a subscription kept for the API. The oldest goes first.
    static let attemptsKept = 100
    /// Attempts one subscription begins before the next one has its turn.
    static let attemptsPerVisit = 64
    /// Attempts one turn begins; the rest follows in the next turn, after completions have been looked at.
    static let attemptsPerTurn = 64
    /// Connections to one endpoint, whatever its subscriptions' `concurrency` adds up to. At it attempts wait.
    static let endpointConnectionsMax = 1_024
    /// Requests under way on one HTTP/2 connection, whatever its peer allows. At it another connection is opened.
    static let streamsPerCarrierMax = 1_024
    /// Bytes of request bodies that wait on one HTTP/2 connection for the peer's window. At it further requests wait for
    /// their turn, within their attempt's time.
    static let carrierUnsentBytesMax = 4 << 20
    /// Bytes of an HTTP/2 connection's output that may wait for the kernel before more frames are made.
    static let carrierOutputBytesMax = 256 << 10
    /// Times a request is made again, within one attempt, because its connection was stale or the endpoint says that it
    /// did not look at it. After them the attempt has failed.
    static let resendsMax = 3
    /// Milliseconds after which a connection to an endpoint is not used again: names and certificates change.
    static let endpointConnectionAgeMilliseconds = 300_000
    /// Milliseconds a connection to an endpoint may idle: less than the 60 s after which most servers close.
    static let endpointIdleMilliseconds = 50_000
    /// Milliseconds for looking an endpoint's name up, never more than the attempt's `timeout`. At it the attempt fails.
    static let resolveMilliseconds = 5_000
    /// Milliseconds for connecting to one address, never more than the attempt's `timeout`. At it the next is tried.
    static let connectMilliseconds = 5_000
    /// Milliseconds for the TLS handshake, never more than the attempt's `timeout`. At it the attempt fails.
    static let handshakeMilliseconds = 10_000
    /// Milliseconds from the request to the answer's first byte, never more than the attempt's `timeout`.
    static let firstByteMilliseconds = 30_000
    /// Bytes of an answer that are read; after them the connection is closed (CONTRACT, section 6).
    static let answerReadBytesMax = 64 << 10
    /// Bytes of an answer that are kept for the API.
    static let answerKeptBytesMax = 1 << 10
    /// Milliseconds between two looks at quiet subscriptions: their cursors follow the log's head in the journal.
    static let quietCursorMilliseconds = 30_000
    /// Milliseconds a subscription waits after the log could not be read for it.
    static let damagedLogPauseMilliseconds = 10_000
    /// Milliseconds until it is looked again whether a full journal can take more.
    static let journalFullPauseMilliseconds = 20
    /// Names the resolver remembers. At it the expired ones go, else the one that expires first.
    static let resolvedNamesMax = 10_000
    /// Seconds an address is used at least, however short its TTL: a lookup per connection would help nobody.
    static let resolvedSecondsMin = 1
    /// Seconds an address is used at most, however long its TTL.
    static let resolvedSecondsMax = 300
    /// Names looked up at one time. One more fails at once, and its attempt is retried.
    static let lookupsMax = 1_024
    /// Milliseconds a name server is given in the first round.
    static let lookupTimeoutMilliseconds = 1_500
    /// Rounds over the name servers.
    static let lookupTries = 2

    // MARK: Administration

    /// Bytes of a subscription's definition in a request. Past it: 413.
    static let definitionBytesMax = 256 << 10
    /// Bytes of the body of `redeliver`. Past it: 413.
    static let redeliveryBytesMax = 4 << 10
    /// Redeliveries of one subscription that are not complete. One more is refused with 429.
    static let redeliveriesWaitingMax = 16
    /// Dead letters asked for at one time, to be delivered again; the next are asked for when these have been taken.
    static let redeliveryLettersMax = 256
    /// The service's own events that wait for the log (a full disk). At it no attempts are begun, so that none are made.
    static let announcementsMax = 10_000
    /// The service's own events published at one time; the next ones when the log has these.
    static let announcementsPerTurn = 256
    /// Milliseconds until the service's own events are published again after the log refused them.
    static let announcementPauseMilliseconds = 1_000
    /// Subscriptions the registry keeps. One more is refused with 503.
    static let subscriptionsMax = 100_000
    /// JSON Web Tokens a shard keeps the verdict of; the one verified first goes first and is verified again.
    static let verifiedTokensMax = 4_096
    /// JSON Web Tokens that wait to be verified, a second's work. One more is refused: 503, or the socket's form of it.
    static let tokensWaitingMax = 16_384
    /// Seconds until those whose token could not wait are asked to try again: the queue is a second's work.
    static let tokensRetrySeconds = 1
    /// Pieces of administration that wait for the thread on which they may block. One more is refused with 503.
    static let adminJobsMax = 256
    /// Entries of one page of a list at most.
    static let listEntriesMax = 1_000
    /// Sockets the status page shows, those most behind; `GET /v1/connections` lists more.
    static let statusSocketsMax = 20
    /// Entries of one page of a list when `limit` is not given.
    static let listEntriesDefault = 100
    /// Bytes of a page of subscriptions; a page that reaches it ends early and `next` goes on from there.
    static let listBytesMax = 1 << 20
    /// Subscriptions `/metrics` tells of one by one; of more it tells only the sums.
    static let metricsSubscriptionsMax = 1_000

    // MARK: Between shards

    /// Messages in the mailbox from one shard to another. A full one makes the sender keep its messages; a shard too far
    /// behind with committed batches is told to read the log instead.
    static let mailboxMessagesMax = 4_096

    // MARK: Reading the API

    /// Events one `GET /v1/events` answers at most (CONTRACT, section 4).
    static let eventsPerPageMax = 1_000
    /// Events one `GET /v1/events` answers when `limit` is not given.
    static let eventsPerPageDefault = 100
    /// Bytes of events in one page; a page that reaches it ends early and `next` goes on from there.
    static let pageBytesMax = 8 << 20
    /// Pages of events a shard reads at one time, so that those who do not take them cannot make it hold many. Further ones
    /// wait in the order in which they were asked for.
    static let pagesUnderWayMax = 4
}
