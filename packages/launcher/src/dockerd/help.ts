import { dockerdOptions } from './options';

/** `gantry dockerd --help`. */
export function dockerdHelp(): string {
  const rows = dockerdOptions
    .flatMap(({ flag, short, type, help }) =>
      flag === undefined
        ? []
        : [[`  ${short === undefined ? '   ' : `-${short},`} --${flag}${type === 'bool' ? '' : ` ${type}`}`, help] as const],
    )
    .sort(([a], [b]) => a.slice(6).localeCompare(b.slice(6)));
  const width = Math.max(...rows.map(([left]) => left.length));
  return `
Usage:  dockerd [OPTIONS]

Gantry in dockerd's place: the whole engine in one process, told what to do by dockerd's command line and daemon.json.

Options:
${rows.map(([left, help]) => `${left.padEnd(width)}  ${help}`).join('\n')}
`;
}
