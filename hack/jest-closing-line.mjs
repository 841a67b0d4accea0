// jest prints its own summary after every reporter; the closing line is printed at exit to stay the last one.
export default class ClosingLine {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    this.line = `${results.numPassedTests} passed, ${failed} failed\n`;
    if (!this.armed) process.once("exit", () => process.stdout.write(this.line));
    this.armed = true;
  }
}
