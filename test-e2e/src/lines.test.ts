import { describeEngine, removeGroups, startRegistry, type Registry } from './harness';
import { keepTranscript, record, transcripts } from './lines';
import { clientVersion, lacking } from './lines/needs';
import { openShell } from './lines/shell';
import { namesOfImages, sweep } from './lines/sweep';

/**
 * Lines of the docker CLI, with all that they print on dockerd 28.5.2 written down in lines/sessions. GANTRY_LINES_RECORD=1 with GANTRY_E2E_PEER=only writes that
 * anew, without it what ours prints instead, for which a reason is then to be given; GANTRY_LINES=text does only the sessions whose file or title holds the text.
 */
const recording = process.env['GANTRY_LINES_RECORD'] === '1';
const wanted = (process.env['GANTRY_LINES'] ?? '').split('|');
const chosen = (file: string, title: string): boolean => wanted.some((text) => `${file}: ${title}`.includes(text));
const NEEDED = 28;

if (clientVersion() < NEEDED) test.skip(`lines of docker [need a docker CLI of version ${NEEDED}]`, () => undefined);
else
  describeEngine(
    'lines of docker',
    (suite) => {
      let kept: ReadonlySet<string> = new Set();
      let root = '';
      let registry: Registry | undefined;
      afterAll(async () => {
        await registry?.stop();
        await removeGroups('gantry-lines'); // dockerd leaves parents behind
      }, 60_000);
      beforeAll(async () => {
        kept = await namesOfImages(suite.engine);
        root = await suite.ok('info', '-f', '{{.DockerRootDir}}');
      });
      afterEach(() => sweep(suite.engine, kept));
      for (const [file, sessions] of transcripts) {
        if (recording && sessions.some(({ title }) => chosen(file, title))) afterAll(() => keepTranscript(file));
        for (const { title, needs, lines } of sessions) {
          if (!chosen(file, title)) continue;
          const lack = lacking(needs);
          if (lack !== undefined) {
            test.skip(`${title} [needs ${lack}]`, () => undefined);
            continue;
          }
          test(`${file}: ${title}`, async () => {
            if (needs.includes('registry')) registry ??= await startRegistry(suite.engine);
            const shell = openShell(suite.engine, root);
            const left: string[] = [];
            const right: string[] = [];
            try {
              for (const line of lines) {
                const output = await shell.run(line.command);
                if (recording) record(line, suite.kind, output);
                left.push(`$ ${line.command}`, output);
                right.push(`$ ${line.command}`, suite.kind === 'gantry' && line.gantry !== undefined ? line.gantry.output : line.output);
              }
            } finally {
              shell.close();
            }
            expect(left.join('\n')).toBe(right.join('\n'));
          });
        }
      }
    },
    { since: 28, containerdStore: true },
  );
