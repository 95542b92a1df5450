/** A line as a shell takes it, with what it is to leave. */
export interface Line {
  readonly command: string;
  /** What dockerd leaves: output, then lines of the error stream behind `! `, then `= N` when it ends with N. */
  output: string;
  /** What ours leaves where that is another thing, and why. */
  gantry?: { readonly reason: string; readonly output: string };
}

/** Lines that belong together: they run one after the other, in a folder of their own, on an engine with nothing else in it. */
export interface Session {
  readonly title: string;
  /** What the machine must have; see needs.ts. */
  readonly needs: readonly string[];
  readonly lines: Line[];
}

/**
 * Reads a transcript: `# title`, `needs: a b`, `$ command`, its output two columns in, and `? reason` with what ours prints instead.
 * @example
 * # run --cpus
 * $ docker run --rm --cpus 0.5 busybox cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
 *   50000
 */
export function readTranscript(text: string): Session[] {
  const sessions: { title: string; needs: string[]; lines: Draft[] }[] = [];
  let output: string[] = [];
  for (const [number, raw] of text.split('\n').entries()) {
    const session = sessions.at(-1);
    const line = session?.lines.at(-1);
    if (raw.startsWith('# ')) sessions.push({ title: raw.slice(2), needs: [], lines: [] });
    else if (raw.startsWith('needs: ')) session?.needs.push(...raw.slice(7).split(' '));
    else if (raw.startsWith('$ ')) session?.lines.push({ command: raw.slice(2), output: (output = []) });
    else if (raw.startsWith('? ') && line !== undefined) line.gantry = { reason: raw.slice(2), output: (output = []) };
    else if (raw === '' || raw.startsWith('  ')) output.push(raw.slice(2));
    else throw new Error(`line ${number + 1} of a transcript is none: ${raw}`);
  }
  return sessions.map(({ lines, ...session }) => ({
    ...session,
    lines: lines.map(({ command, output: plain, gantry }) => ({
      command,
      output: joined(plain),
      ...(gantry === undefined ? {} : { gantry: { reason: gantry.reason, output: joined(gantry.output) } }),
    })),
  }));
}

interface Draft {
  command: string;
  output: string[];
  gantry?: { reason: string; output: string[] };
}

const joined = (lines: readonly string[]): string => lines.join('\n').trimEnd();

/** Writes sessions as readTranscript() reads them. */
export function writeTranscript(sessions: readonly Session[]): string {
  return sessions.map(sessionText).join('\n');
}

function sessionText({ title, needs, lines }: Session): string {
  const told = lines.map(
    ({ command, output, gantry }) =>
      `$ ${command}\n${indented(output)}${gantry === undefined ? '' : `? ${gantry.reason}\n${indented(gantry.output)}`}`,
  );
  return `# ${title}\n${needs.length === 0 ? '' : `needs: ${needs.join(' ')}\n`}${told.join('')}`;
}

const indented = (text: string): string => (text === '' ? '' : text.replace(/^(?=.)/gm, '  ') + '\n');
