import type { Flag } from './table';

/** Two spellings of one command of the client: what is shown of one is shown of the other. */
const SPELLINGS: Readonly<Record<string, string>> = {
  'docker image ls': 'docker images',
  'docker image rm': 'docker rmi',
  'docker container ls': 'docker ps',
  'docker system info': 'docker info',
  'docker system events': 'docker events',
};
const CONTAINERS = /^docker container (attach|commit|cp|create|exec|export|kill|logs|rename|restart|rm|run|start|stats|stop|update)$/;
const IMAGES = /^docker image (build|history|import|load|pull|push|save)$/;

/** The shortest spelling of a command. */
export function shortest(command: string): string {
  return (
    SPELLINGS[command] ??
    command
      .replace(CONTAINERS, 'docker $1')
      .replace(IMAGES, 'docker $1')
      .replace(/^docker builder build$/, 'docker build')
  );
}

/** Flags with a value that is not the default, as `command --flag`, that a command's words have. */
export function flagsOf(words: readonly string[], table: ReadonlyMap<string, readonly Flag[]>): string[] {
  const found: string[] = [];
  let rest = [...words];
  const take = (command: string, anywhere: boolean): void => {
    const left: string[] = [];
    while (rest.length > 0) {
      const [word = '', ...more] = rest;
      if (!word.startsWith('-') || word === '-') {
        if (!anywhere) return;
        left.push(word);
        rest = more;
        continue;
      }
      const { names, attached } = split(word);
      rest = more;
      for (const name of names) {
        const flag = (table.get(command) ?? []).find((one) => one.flag === name || one.shorthand === name);
        if (flag === undefined) continue;
        const value = attached ?? (flag.type === 'bool' ? 'true' : (rest.shift() ?? ''));
        if (value !== (flag.default || (flag.type === 'bool' ? 'false' : ''))) found.push(`${shortest(command)} ${flag.flag}`);
      }
    }
    rest = left;
  };
  take('docker', false);
  const length = [3, 2, 1].find((count) => table.has(['docker', ...rest.slice(0, count)].join(' ')));
  if (length === undefined) return found;
  const command = ['docker', ...rest.slice(0, length)].join(' ');
  rest = rest.slice(length);
  take(
    command,
    !/ (run|create|exec)$/.test(command) || /^docker (network|volume|context|config|secret|plugin|manifest|checkpoint)/.test(command),
  );
  return found;
}

/** `--flag=value`, `-abc`. */
function split(word: string): { readonly names: readonly string[]; readonly attached?: string } {
  if (!word.startsWith('--')) return { names: [...word.slice(1)].map((letter) => `-${letter}`) };
  const at = word.indexOf('=');
  return at === -1 ? { names: [word] } : { names: [word.slice(0, at)], attached: word.slice(at + 1) };
}
