import { anyTypeName } from '@gantry/api';
import type { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import type { Plugin } from '@gantry/api/containerd/services/introspection/v1/introspection';
import type { Namespace } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import type { Envelope, Sandbox } from '@gantry/api/containerd/types/types';
import { type FieldReader, labelField } from '@gantry/oci/filter';
import { eventTypes } from '../events/event-types';

/** Fields that filters may name, per object, as containerd offers them: a field that is empty is absent, but for a label. */
export function containerFields(container: Container): FieldReader {
  return (path) => {
    switch (path[0]) {
      case 'id':
        return container.id;
      case 'image':
        return container.image || undefined;
      case 'labels':
        return labelField(container.labels, path);
      case 'runtime':
        return path[1] === 'name' ? container.runtime?.name || undefined : undefined;
      default:
        return undefined;
    }
  };
}

export function sandboxFields(sandbox: Sandbox): FieldReader {
  return (path) => {
    switch (path[0]) {
      case 'id':
        return sandbox.sandboxId;
      case 'labels':
        return labelField(sandbox.labels, path);
      case 'runtime':
        return path[1] === 'name' ? sandbox.runtime?.name || undefined : undefined;
      default:
        return undefined;
    }
  };
}

export function namespaceFields(namespace: Namespace): FieldReader {
  return (path) => (path[0] === 'name' ? namespace.name : path[0] === 'labels' ? labelField(namespace.labels, path) : undefined);
}

export function pluginFields(plugin: Plugin): FieldReader {
  return (path) => {
    switch (path[0]) {
      case 'type':
        return plugin.type;
      case 'id':
        return plugin.id;
      case 'capabilities':
        return plugin.capabilities.join(',') || undefined;
      default:
        return undefined;
    }
  };
}

/** An envelope's namespace and topic, and the event's own fields below `event` by their proto names. */
export function envelopeFields(envelope: Envelope): FieldReader {
  let event: Record<string, unknown> | undefined;
  return (path) => {
    switch (path[0]) {
      case 'namespace':
        return envelope.namespace;
      case 'topic':
        return envelope.topic;
      case 'event': {
        event ??= decodeEvent(envelope);
        const value: unknown = event[camelCase(path[1] ?? '')];
        if (typeof value === 'object' && value !== null && path.length > 2) {
          return labelField(value as Record<string, string>, path.slice(1));
        }
        return value === undefined || value === '' || typeof value === 'object' ? undefined : String(value);
      }
      default:
        return undefined;
    }
  };
}

function decodeEvent(envelope: Envelope): Record<string, unknown> {
  if (envelope.event === undefined) return {};
  const type = eventTypes.get(anyTypeName(envelope.event));
  return type === undefined ? {} : { ...type.decode(envelope.event.value) };
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
