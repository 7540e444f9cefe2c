import ArgumentParser
import FanfareServer

/// Why a command ends without having done what it was asked: a sentence for a person and an exit code of sysexits.h.
struct CommandFailure: Error {
    let message: String
    let code: Int32

    init(_ message: String, code: Int32) {
        self.message = message
        self.code = code
    }

    /// The command line asks for something that cannot be.
    static func usage(_ message: String) -> Self { Self(message, code: EX.usage) }
    /// The input is not what it should be.
    static func data(_ message: String) -> Self { Self(message, code: EX.data) }
    /// The service is not there or does not do it now.
    static func unavailable(_ message: String) -> Self { Self(message, code: EX.unavailable) }
    /// A person has ended it before its end.
    static let interrupted = Self.unavailable("interrupted")
    /// A file or the terminal failed.
    static func io(_ message: String) -> Self { Self(message, code: EX.io) }

    /// What an answer that is no success says: the status decides the exit code.
    static func refused(status: Int, words: String) -> Self {
        switch status {
        case 401, 403: Self("\(words) (\(status))", code: EX.permission)
        case 400, 404, 405, 409, 413, 414, 415, 422: Self("\(words) (\(status))", code: EX.data)
        default: Self("\(words) (\(status))", code: EX.unavailable)
        }
    }
}

/// A command whose failures are told on standard error and become its exit code.
protocol FanfareCommand: ParsableCommand {
    /// Does what the command is for.
    func perform() throws(CommandFailure)
}

extension FanfareCommand {
    func run() throws {
        do throws(CommandFailure) {
            try perform()
        } catch {
            Terminal.error("fanfare: \(error.message)")
            throw ExitCode(error.code)
        }
    }
}
