/** How the steps of a Dockerfile ended, by what `--progress=plain` told of them. */
export interface Told {
  /** Names of steps that ran, or came from the cache. */
  readonly done: ReadonlySet<string>;
  readonly cached: ReadonlySet<string>;
}

/** Reads plain progress. Steps of the builder's own (`[internal] …`, exports) are passed over: they have no cache; a FROM's image is resolved each time. */
export function toldOf(text: string): Told {
  const names = new Map<string, string>();
  const done = new Set<string>();
  const cached = new Set<string>();
  for (const line of text.split('\n')) {
    const [, number = '', said = ''] = /^#(\d+) (.*)$/.exec(line) ?? [];
    if (/^\[(?!internal\]|auth\])[^\]]+\] (?!FROM )/.test(said)) names.set(number, said);
    const name = names.get(number);
    if (name === undefined) continue;
    if (/^DONE /.test(said)) done.add(name);
    if (said === 'CACHED') {
      done.add(name);
      cached.add(name);
    }
  }
  return { done, cached };
}

/** Reads what the classic builder told: each step, then that it came from the cache or what it came to. */
export function toldByClassic(text: string): Told {
  const done = new Set<string>();
  const cached = new Set<string>();
  let step = '';
  for (const line of text.split('\n')) {
    if (/^Step \d+\/\d+ : /.test(line)) step = line;
    if (step.includes(' : FROM ')) continue;
    if (line === ' ---> Using cache') cached.add(step);
    if (/^ ---> [0-9a-f]{12}$/.test(line)) done.add(step);
  }
  return { done, cached };
}
