import type { Route } from './exchange';

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the route of a decoded path without version prefix: the fixed paths first, then the patterns in their order. */
export class Router {
  private readonly fixed = new Map<string, Route>();
  private readonly patterns: { readonly route: Route; readonly expression: RegExp }[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      if (route.path.includes('{')) this.patterns.push({ route, expression: compile(route.path) });
      else this.fixed.set(`${route.method} ${route.path}`, route);
    }
  }

  find(method: string, path: string): Match | undefined {
    const route = this.fixed.get(`${method} ${path}`);
    if (route !== undefined) return { route, params: {} };
    for (const { route: candidate, expression } of this.patterns) {
      if (candidate.method !== method) continue;
      const found = expression.exec(path);
      if (found !== null) return { route: candidate, params: { ...found.groups } };
    }
    return undefined;
  }
}

function compile(template: string): RegExp {
  const source = template
    .replace(/[.]/g, '\\.')
    .replace(/\{(\w+)(:\\\.\*)?\}/g, (_, name: string, deep?: string) => `(?<${name}>${deep === undefined ? '[^/]+' : '.*'})`);
  return new RegExp(`^${source}$`, 's');
}

export interface Target {
  /** Decoded, without version prefix. */
  readonly path: string;
  /** Undefined when the path has none. */
  readonly version: string | undefined;
  readonly search: string;
}

/** Takes a request target apart; undefined when its escapes are broken. */
export function parseTarget(url: string): Target | undefined {
  const withoutHost = url.startsWith('/') ? url : url.replace(/^[a-z]+:\/\/[^/?]*/i, '');
  const question = withoutHost.indexOf('?');
  const raw = question < 0 ? withoutHost : withoutHost.slice(0, question);
  let path: string;
  try {
    path = decodeURIComponent(raw === '' ? '/' : raw);
  } catch {
    return undefined;
  }
  const prefix = /^\/v([0-9.]+)(\/.*)$/s.exec(path);
  return { path: prefix?.[2] ?? path, version: prefix?.[1], search: question < 0 ? '' : withoutHost.slice(question + 1) };
}
