/**
 * The agent's work is no longer wanted, or no longer possible: it stops, leaves nothing behind and exits. The abort
 * reason of everything that it does.
 */
export class AgentEnding extends Error {
  override readonly name = "AgentEnding";
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
