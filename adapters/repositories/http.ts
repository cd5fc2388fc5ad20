import type { RemoteRepository } from "../../core/ports/agent-tools.ts";

export interface RepositoriesConfig {
  /** For one answer; 10,000 by default. */
  readonly timeoutMs?: number;
}

const HEAD_REFUSED = new Set([405, 501]);

/** `fetch` takes no URL with credentials, so they go into the header they stand for. */
function requestOf(probe: string): { readonly url: URL; readonly headers: Record<string, string> } {
  const url = new URL(probe);
  if (url.username === "" && url.password === "") return { url, headers: {} };
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = "";
  url.password = "";
  return { url, headers: { authorization: `Basic ${Buffer.from(login).toString("base64")}` } };
}

async function status(probe: string, method: "HEAD" | "GET", signal: AbortSignal): Promise<number> {
  const { url, headers } = requestOf(probe);
  const response = await fetch(url, { method, headers, signal, redirect: "follow" });
  await response.body?.cancel();
  return response.status;
}

/** The innermost cause says most: `ECONNREFUSED`, `ENOTFOUND`, a certificate's trouble. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return "no answer";
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  if (error.cause instanceof Error) return describe(error.cause);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

/**
 * Asks whether package repositories answer. `ask` never rejects for what a server does, only with the signal's reason.
 */
export function createRepositories(config: RepositoriesConfig = {}) {
  const timeoutMs = config.timeoutMs ?? 10_000;

  const askOne = async (
    probe: string,
    cancelled: AbortSignal,
  ): Promise<{ ready: boolean; answer: string }> => {
    const late = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([cancelled, late]);
    try {
      let code = await status(probe, "HEAD", signal);
      if (HEAD_REFUSED.has(code)) code = await status(probe, "GET", signal);
      return { ready: code >= 200 && code < 300, answer: `HTTP ${code}` };
    } catch (error) {
      cancelled.throwIfAborted();
      return { ready: false, answer: late.aborted ? `no answer in ${timeoutMs / 1000} s` : describe(error) };
    }
  };

  return {
    ask: async (
      repository: RemoteRepository,
      signal: AbortSignal,
    ): Promise<{ readonly ready: boolean; readonly answer: string }> => {
      const answers = new Set<string>();
      for (const probe of repository.probes) {
        const { ready, answer } = await askOne(probe, signal);
        if (ready) return { ready, answer };
        answers.add(answer);
      }
      return { ready: false, answer: [...answers].join(", ") };
    },
  };
}
