import { parseStages, readLines, type Step } from '@gantry/dockerfile';
import { invalidArgument, newContext, notFound } from '@gantry/rpc';
import type { FileStat, FrontendBridge } from '../../frontend';
import type { Request } from '../request';
import { withMatchedSources } from './matched-sources';

const folders: Readonly<Record<string, readonly string[]>> = {
  '/': ['a.txt', 'b.txt', 'd', 'e', ...Array.from({ length: 17 }, (_, at) => `n${at}`)],
  d: ['x.txt', 'odd name.txt', '$odd'],
  e: ['x.txt'],
};
const paths = new Set(
  Object.entries(folders).flatMap(([folder, names]) => names.map((name) => (folder === '/' ? name : `${folder}/${name}`))),
);
const bridge = {
  solve: async () => ({ outcomes: new Map(), metadata: new Map(), attestations: new Map() }),
  readDir: async (_ctx: unknown, _outcome: unknown, folder: string, include: string) => {
    const names = folders[folder];
    if (names === undefined) throw invalidArgument(`readdir ${folder}: not a directory`);
    const pattern = new RegExp(`^${include.replaceAll('.', '[.]').replaceAll('*', '.*').replaceAll('?', '.')}$`);
    return names.filter((name) => pattern.test(name)).map((path) => ({ path }) as FileStat);
  },
  statFile: async (_ctx: unknown, _outcome: unknown, path: string) => {
    if (!paths.has(path)) throw notFound(path);
    return { path } as FileStat;
  },
} as unknown as FrontendBridge;
const request: Request = {
  ctx: newContext(),
  bridge,
  options: new Map(),
  inputs: new Map(),
  sessionId: '',
  platform: { os: 'linux', architecture: 'amd64' },
};

const stepOf = (text: string): Step => {
  const [step] = parseStages(readLines(`FROM a\n${text}\n`)).stages[0]?.steps ?? [];
  if (step === undefined) throw new Error(text);
  return step;
};

async function sourcesOf(text: string): Promise<readonly string[]> {
  const step = stepOf(text);
  const { instruction, ...rest } = await withMatchedSources(request, undefined, step, (name) => ({ E: 'txt' })[name]);
  expect(rest).toEqual({ text: step.text, word: step.word, lines: step.lines });
  if (instruction.name === 'copy') return instruction.copy.sources;
  return instruction.name === 'add' ? instruction.add.sources : [];
}

test.each([
  ['COPY *.txt /x/', ['a.txt', 'b.txt']],
  ['COPY ./a*.$E a?txt b.txt /x/', ['a.txt', 'a.txt', 'b.txt']],
  ['ADD /[d-e]*/x.txt http://a/b* /x/', ['d/x.txt', 'e/x.txt', 'http://a/b*']],
  ['ADD ?/x.txt /x/', ['d/x.txt', 'e/x.txt']],
  ['COPY a.txt*/y /x', ['a.txt*/y']],
  ['COPY none* /x', ['none*']],
  ['COPY d/odd* /x', ['d/odd*']],
  ['COPY n* /x/', ['n*']],
  ['COPY ../*.txt /x/', ['../*.txt']],
  ['COPY --from=b *.txt /x/', ['*.txt']],
])('%s', async (text, sources) => {
  expect(await sourcesOf(text)).toEqual(sources);
});
