import { invalidArgument, prefixed } from '@gantry/rpc/errors';
import { csvFields } from '../csv';
import { quoted } from '../quote';
import { didYouMean } from '../suggest';
import { bytesOf } from './bytes';
import { checkMount } from './mount-check';
import { truthOf } from './truth';

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const SHARINGS = ['shared', 'private', 'locked'] as const;
const KEYS = [
  'type',
  'from',
  'source',
  'target',
  'readonly',
  'id',
  'sharing',
  'required',
  'size',
  'mode',
  'uid',
  'gid',
  'src',
  'dst',
  'destination',
  'ro',
  'rw',
  'readwrite',
  'env',
] as const;

export type MountKind = (typeof TYPES)[number];

/** `RUN --mount=…` with its values expanded. What was not said is undefined. */
export interface RunMount {
  type: MountKind;
  from: string;
  source: string;
  target: string;
  readonly: boolean;
  size: number | undefined;
  id: string;
  sharing: (typeof SHARINGS)[number] | undefined;
  required: boolean;
  env: string | undefined;
  mode: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
}

function fieldsOf(text: string): { readonly field: string; readonly key: string; readonly value: string | undefined }[] {
  let fields: string[];
  try {
    fields = csvFields(text);
  } catch (error) {
    throw prefixed(error, 'failed to parse csv mounts');
  }
  return fields.map((field) => {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    return { field, key, value: equals < 0 ? undefined : field.slice(equals + 1) };
  });
}

/** What a mount comes from, which is known before variables are: it must have none. */
export function mountFrom(text: string): string {
  let from = '';
  for (const { key, value } of fieldsOf(text)) {
    if (key !== 'from' || value === undefined) continue;
    const dollar = value.indexOf('$');
    if (dollar >= 0 && dollar !== value.length - 1)
      throw invalidArgument("'from' doesn't support variable expansion, define alias stage instead");
    from = value;
  }
  return from;
}

/** Reads a mount; `expand` puts variables into its values. Errors: invalidArgument. */
export function parseMount(text: string, expand: (value: string) => string): RunMount {
  const mount: RunMount = {
    type: 'bind',
    from: '',
    source: '',
    target: '',
    readonly: false,
    size: undefined,
    id: '',
    sharing: undefined,
    required: false,
    env: undefined,
    mode: undefined,
    uid: undefined,
    gid: undefined,
  };
  let readonly: boolean | undefined;
  for (const { field, key, value } of fieldsOf(text)) {
    const expanded = value === undefined ? bare(mount, key, field) : expand(value);
    if (key === 'readonly' || key === 'ro') readonly = truthOf(key, expanded);
    else if (key === 'readwrite' || key === 'rw') readonly = !truthOf(key, expanded);
    else set(mount, { key, field, value: expanded });
  }
  mount.readonly = readonly ?? !(mount.type === 'cache' || mount.type === 'tmpfs');
  checkMount(mount);
  return mount;
}

/** The value of a key that stands alone. */
function bare(mount: RunMount, key: string, field: string): string {
  if (['readonly', 'ro', 'readwrite', 'rw'].includes(key)) return 'true';
  if (key !== 'required') throw invalidArgument(`invalid field '${field}' must be a key=value pair`);
  if (mount.type !== 'secret' && mount.type !== 'ssh') throw unexpected(key, mount.type);
  return 'true';
}

const unexpected = (key: string, type: string): Error => invalidArgument(`unexpected key '${key}' for mount type '${type}'`);

function set(mount: RunMount, { key, field, value }: { readonly key: string; readonly field: string; readonly value: string }): void {
  switch (key) {
    case 'type':
      mount.type = oneOf(TYPES, value, 'unsupported mount type');
      return;
    case 'sharing':
      mount.sharing = oneOf(SHARINGS, value, 'unsupported sharing value');
      return;
    case 'from':
    case 'id':
    case 'env':
      mount[key] = value;
      return;
    case 'source':
    case 'src':
      mount.source = value;
      return;
    case 'target':
    case 'dst':
    case 'destination':
      mount.target = value;
      return;
    case 'required':
      if (mount.type !== 'secret' && mount.type !== 'ssh') throw unexpected(key, mount.type);
      mount.required = truthOf(key, value);
      return;
    case 'size':
      if (mount.type !== 'tmpfs') throw unexpected(key, mount.type);
      mount.size = bytesOf(value);
      if (mount.size === undefined) throw invalidArgument(`invalid value for ${key}: ${value}`);
      return;
    case 'mode':
      mount.mode = number(key, value, /^[0-7]+$/, 8);
      return;
    case 'uid':
    case 'gid':
      mount[key] = number(key, value, /^\d+$/, 10);
      return;
    default:
      throw invalidArgument(`unexpected key '${key}' in '${field}'${didYouMean(key, KEYS)}`);
  }
}

function oneOf<T extends string>(known: readonly T[], value: string, words: string): T {
  const found = known.find((one) => one === value.toLowerCase());
  if (found === undefined) throw invalidArgument(`${words} ${quoted(value)}${didYouMean(value, known)}`);
  return found;
}

function number(key: string, value: string, form: RegExp, base: number): number {
  const found = form.test(value) ? parseInt(value, base) : NaN;
  if (!(found <= 0xffffffff)) throw invalidArgument(`invalid value ${value} for ${key}`);
  return found;
}
