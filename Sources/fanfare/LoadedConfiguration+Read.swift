import ArgumentParser
import FanfareServer

extension LoadedConfiguration {
    /// Reads the configuration a command was given, or prints everything that is wrong with it and ends with the exit code
    /// for that: 65 when a file is not JSON, else 78.
    static func read(_ path: String?, development: Bool) throws -> LoadedConfiguration {
        do throws(Diagnostics) {
            return try ConfigurationReader.read(path, development: development)
        } catch {
            Terminal.error(error.description)
            throw ExitCode(error.exitCode)
        }
    }
}
