import type { FileAction, Op } from '@gantry/api/pb/ops';

/** Members that JSON has under another name than the generated code. */
const renamed: Readonly<Record<string, string>> = {
  proxyEnv: 'proxy_env',
  httpProxy: 'http_proxy',
  httpsProxy: 'https_proxy',
  ftpProxy: 'ftp_proxy',
  noProxy: 'no_proxy',
  allProxy: 'all_proxy',
  includePatterns: 'include_patterns',
  excludePatterns: 'exclude_patterns',
  requiredPaths: 'required_paths',
};

/** An op in the JSON that provenance has it in: zero values left out, numbers as numbers, bytes in base64. Its inputs are told beside it. */
export function opJson(op: Op): object {
  const { exec, source, file, build, merge, diff } = op;
  const kind = file === undefined ? plain({ exec, source, build, merge, diff }) : { file: { actions: file.actions.map(actionJson) } };
  return { Op: kind, ...(plain({ platform: op.platform, constraints: op.constraints }) as object) };
}

function actionJson({ input, secondaryInput, output, copy, mkfile, mkdir, rm, symlink }: FileAction): object {
  return {
    input: Number(input),
    secondaryInput: Number(secondaryInput),
    output: Number(output),
    Action: plain({ copy, mkfile, mkdir, rm, symlink }),
  };
}

/** A message's value as JSON has it. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).flatMap(([key, member]): [string, unknown][] => {
    if ((key === 'user' || key === 'group') && isUser(member)) return [[key, { User: plain(member) }]];
    return isZero(member) ? [] : [[renamed[key] ?? key, plain(member)]];
  });
  return Object.fromEntries(members);
}

function isUser(value: unknown): value is object {
  return typeof value === 'object' && value !== null && ('byName' in value || 'byID' in value);
}

function isZero(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === 0n || value === false) return true;
  if (Buffer.isBuffer(value) || Array.isArray(value)) return value.length === 0;
  return false;
}
