/// What this build calls itself.
package enum ServiceVersion {
    /// As in `user-agent: fanfare/VERSION` and `GET /v1/status`.
    package static let text = "0.1.0"
}
