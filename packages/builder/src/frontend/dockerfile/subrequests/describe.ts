import type { Answer } from '../ui/subrequests';
import { table } from './table';

const VERSION = '1.0.0';
interface Named {
  readonly name: string;
  readonly description: string;
}

interface Question extends Named {
  readonly version: string;
  readonly type: 'rpc';
  readonly opts: readonly Named[] | null;
  readonly inputs: null;
  readonly metadata: readonly Named[];
  readonly refs: null;
}

function question(name: string, description: string, opts: readonly Named[] | null): Question {
  const metadata = ['result.json', 'result.txt'].map((member) => ({ name: member, description: '' }));
  return { name, version: VERSION, type: 'rpc', description, opts, inputs: null, metadata, refs: null };
}

const known = [
  question('frontend.outline', 'List all parameters current build target supports', [
    { name: 'target', description: 'Target build stage' },
  ]),
  question('frontend.targets', 'List all targets current build supports', []),
  question('frontend.subrequests.describe', 'List available subrequest types', null),
];

/** Which questions this frontend answers. */
export function answerDescribe(): Answer {
  const rows = known.map(({ name, version, description }) => [name.replace(/^frontend\./, ''), version, description]);
  return { version: VERSION, json: known, text: table([['NAME', 'VERSION', 'DESCRIPTION'], ...rows], 1) };
}
