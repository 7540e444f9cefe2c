import ArgumentParser
import FanfareBase

@main
struct Fanfare: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "fanfare")
}
