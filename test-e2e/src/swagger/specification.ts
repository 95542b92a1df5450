import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { swaggerFolder } from '../harness';

/** Swagger 2.0, as far as the checks look at it. */
export interface Operation {
  readonly operationId: string;
  readonly produces?: readonly string[];
  readonly tags?: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly schema?: Schema }>>;
}

export type Schema = { readonly [key: string]: unknown };

export interface Specification {
  /** For example 1.50. */
  readonly version: string;
  readonly definitions: Readonly<Record<string, Schema>>;
  /** All operations with one of these tags. */
  tagged(...tags: string[]): Operation[];
  find(method: string, path: string): Operation | undefined;
}

/** The description of one API version; undefined when it is not on this machine. `asked` is the version of the calls that are held against it, where it is another. */
export function loadSpecification(version: string, asked = version): Specification | undefined {
  if (swaggerFolder === undefined) return undefined;
  const file = join(swaggerFolder, `engine-api-v${version}.yaml`);
  if (!existsSync(file)) return undefined;
  const document = parse(readFileSync(file, 'utf8'), { maxAliasCount: -1 }) as {
    definitions: Record<string, Schema>;
    paths: Record<string, Record<string, Operation>>;
  };
  const operations = Object.entries(document.paths).map(([template, verbs]) => ({ template, expression: expressionOf(template), verbs }));
  // fixed parts before parameters: /containers/json is not a container's name
  operations.sort((a, b) => a.template.split('{').length - b.template.split('{').length);
  return {
    version: asked,
    definitions: document.definitions,
    tagged: (...tags) =>
      operations.flatMap(({ verbs }) => Object.values(verbs)).filter((each) => each.tags?.some((tag) => tags.includes(tag)) === true),
    find(method, path) {
      return operations.find(({ expression, verbs }) => expression.test(path) && verbs[method.toLowerCase()] !== undefined)?.verbs[
        method.toLowerCase()
      ];
    },
  };
}

function expressionOf(template: string): RegExp {
  return new RegExp(`^${template.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '.+')}$`);
}
