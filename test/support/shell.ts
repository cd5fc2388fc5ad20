import type { OpenShell, OpenShellOrder, ShellMarker, ShellTool } from "../../core/ports/agent-tools.ts";
import type { ShellOrder } from "../../core/jobs/plan.ts";

export const SHELL_ORDER: ShellOrder = {
  public_key: "ssh-ed25519 AAAA someone\n",
  host: "127.0.0.1",
  jail: true,
  dkms: false,
  idle_seconds: 3600,
  idle_warning_seconds: 60,
};

/** Stands in for sshd where what the agent makes of a shell is the subject, not the shell. */
export interface StandInShell {
  readonly tool: ShellTool;
  readonly orders: OpenShellOrder[];
  readonly warnings: string[];
  readonly closed: () => number;
  /** The user's word. */
  readonly say: (word: ShellMarker) => void;
  readonly end: (how: string) => void;
  readonly use: () => void;
}

export function standInShell(broken: Partial<ShellTool> = {}, everywhere = false): StandInShell {
  const orders: OpenShellOrder[] = [];
  const warnings: string[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  let word: ShellMarker | undefined;
  let closed = 0;
  let used = false;
  const shell: OpenShell = {
    port: 2222,
    ended,
    said: async () => word,
    used: async () => {
      const was = used;
      used = false;
      return was;
    },
    occupied: async () => false,
    warn: async (text) => void warnings.push(text),
    close: async () => void (closed += 1),
  };
  const tool: ShellTool = {
    check: async () => undefined,
    keyTrouble: async () => undefined,
    open: async (order) => {
      orders.push(order);
      return everywhere ? shell : { ...shell, host: order.host };
    },
    ...broken,
  };
  return {
    tool,
    orders,
    warnings,
    closed: () => closed,
    say: (said) => (word = said),
    end,
    use: () => (used = true),
  };
}
