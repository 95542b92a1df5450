import { GantryError, withDetail } from '@gantry/rpc';
import type { FrontendResult } from '../../frontend';
import { answerDescribe } from '../subrequests/describe';
import { answerLint } from '../subrequests/lint';
import { answerOutline } from '../subrequests/outline';
import { answerTargets } from '../subrequests/targets';
import type { Build } from './build';

/** What a question is answered with: JSON for programs, a table for people. */
export interface Answer {
  readonly version: string;
  readonly json: unknown;
  readonly text: string;
  readonly more?: Readonly<Record<string, string>>;
}

const answers: Readonly<Record<string, (build: Build) => Answer | Promise<Answer>>> = {
  'frontend.subrequests.describe': answerDescribe,
  'frontend.outline': answerOutline,
  'frontend.targets': answerTargets,
  'frontend.lint': answerLint,
};

/** Answers a question about the Dockerfile in place of building it (`requestid`); undefined where none was asked. */
export async function answerSubrequest(build: Build): Promise<FrontendResult | undefined> {
  const name = build.request.options.get('requestid');
  if (name === undefined) return undefined;
  const answer = Object.hasOwn(answers, name) ? answers[name] : undefined;
  if (answer === undefined) throw unsupported(name);
  const { version, json, text, more = {} } = await answer(build);
  const metadata = { 'result.json': goJson(json), 'result.txt': text, version, ...more };
  return {
    outcomes: new Map(),
    metadata: new Map(Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value)])),
    attestations: new Map(),
  };
}

/** JSON as Go writes it, with two blanks a level and without the characters that HTML knows. */
function goJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

function unsupported(name: string): Error {
  return withDetail(new GantryError('unknown', `unsupported request ${name}`), {
    typeUrl: 'github.com/moby/buildkit/errdefs.Subrequest+json',
    value: Buffer.from(JSON.stringify({ name })),
  });
}
