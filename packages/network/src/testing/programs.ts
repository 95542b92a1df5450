import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a program was told. */
export interface SeenCall {
  readonly type: string;
  readonly command: string;
  readonly id: string;
  readonly netns: string;
  readonly name: string;
  readonly args: string;
  readonly path: string;
  readonly input: Record<string, unknown> & { readonly prevResult?: { readonly ips?: readonly { readonly address: string }[] } };
}

/** CNI programs that are shell scripts in a folder: each writes down what it was told, and answers as the test says. */
export class Programs {
  readonly directory: string;
  readonly #log: string;

  constructor(place: string) {
    this.directory = join(place, 'programs');
    this.#log = join(place, 'calls');
    mkdirSync(this.directory);
  }

  /** `answers`: a command's script, which has what was told in $in. Without one ADD answers an address, VERSION all versions, others nothing. */
  make(type: string, answers: Readonly<Partial<Record<'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION', string>>> = {}): void {
    const all = {
      ADD: `echo '{"ips":[{"address":"10.1.2.3/24","gateway":"10.1.2.1"}]}'`,
      VERSION: `echo '{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}'`,
      ...answers,
    };
    const cases = Object.entries(all).map(([command, script]) => `${command})\n${script}\n;;`);
    writeFileSync(
      join(this.directory, type),
      `#!/bin/sh
in=$(cat)
printf '{"type":"${type}","command":"%s","id":"%s","netns":"%s","name":"%s","args":"%s","path":"%s","input":%s}\\n' \\
  "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_NETNS" "$CNI_IFNAME" "$CNI_ARGS" "$CNI_PATH" "$in" >>${this.#log}
case $CNI_COMMAND in
${cases.join('\n')}
esac
`,
    );
    chmodSync(join(this.directory, type), 0o755);
  }

  /** All calls so far, but those that only ask for versions. */
  calls(): SeenCall[] {
    if (!existsSync(this.#log)) return [];
    const lines = readFileSync(this.#log, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as SeenCall).filter(({ command }) => command !== 'VERSION');
  }

  /** The same, short: `ADD one`. */
  get order(): string[] {
    return this.calls().map(({ command, type }) => `${command} ${type}`);
  }
}

/** Script: fails as the specification has it. */
export const failing = (code: number, msg: string, details = ''): string =>
  `echo '${JSON.stringify({ cniVersion: '1.0.0', code, msg, details })}'; exit 1`;
