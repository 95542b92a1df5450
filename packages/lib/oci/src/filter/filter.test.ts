import { compileFilters, labelField } from './filter';

const labels = { tier: 'front', empty: '', 'com.example/a.b': 'x,y', 'com.example.version': '2', accent: 'é', 'a"b\\c': 'quoted' };
const image = (path: readonly string[]): string | undefined =>
  path[0] === 'name' ? 'docker.io/library/web:1' : path[0] === 'labels' ? labelField(labels, path) : undefined;

// Each as containerd 2.1.9's pkg/filters answers. Only Go's regular expressions have a named group of this form, \A and \z.
test.each<[string, boolean]>([
  ['', true],
  ['name', true],
  ['none', false],
  ['name==docker.io/library/web:1', true],
  ['name==web', false],
  ['name!=web', true],
  ['name~=(?P<n>web):1$', true],
  ['name~=|^docker.io/|', true],
  ['name~=/\\\\Adocker/', true],
  ['name~="web:\\\\d\\\\z"', true],
  ['name~=/^docker.io\\/library,?/', true],
  ['name=="docker.io/library/web\\x3a1"', true],
  ['name=="docker.io/library/web\\0721"', true],
  ['labels.accent=="\\xc3\\xa9"', true],
  ['labels.accent=="\\u00e9"', true],
  ['labels.tier~=^front$', true],
  ['labels.tier~=^$', false],
  ['labels.tier==front,name', true],
  ['labels.tier==front,name==web', false],
  ['  labels. tier == front, name', true],
  // A label without a value is there; one that is not there is an empty string to a pattern and to !=, and nothing to ==.
  ['labels.empty', true],
  ['labels.empty==""', true],
  ['labels.none', false],
  ['labels.none==""', false],
  ['labels.none!=x', true],
  ['labels.none!=""', false],
  ['labels.none~=/.*/', true],
  ['labels."com.example/a.b"=="x,y"', true],
  ['labels."com.example.version"==2', true],
  ['labels.com.example.version==2', true],
  ['labels."a\\"b\\\\c"==quoted', true],
  ['labels.constructor', false],
])('%s: %p', (filter, wanted) => {
  expect(compileFilters([filter])(image)).toBe(wanted);
});

test('filters of a list are alternatives, and an empty one is one that holds', () => {
  expect(compileFilters(['name==x', 'labels.tier'])(image)).toBe(true);
  expect(compileFilters(['name==x', 'name==y'])(image)).toBe(false);
  expect(compileFilters(['name==x', ''])(image)).toBe(true);
  expect(compileFilters([])(image)).toBe(true);
});

test.each([
  [' ', '[ ]: expected field or quoted'],
  ['id=', '[id >|=|< ]: unsupported operator "="'],
  ['id===x', '[id >|=|< ==x]: unsupported operator "==="'],
  ['id==', '[id==]: expected value or quoted'],
  ['==x', '[ >|=|< =x]: expected field or quoted'],
  ['id==a,', '[id==a,]: expected field or quoted'],
  ['id==a ,id', '[id==a >| |< ,id]: unexpected input:  '],
  ['id ,name', '[id  >|,|< name]: expected an operator ("=="|"!="|"~=")'],
  ['labels .tier', '[labels  >|.|< tier]: expected an operator ("=="|"!="|"~=")'],
  ['id-x==a', '[id >|-|< x==a]: expected an operator ("=="|"!="|"~=")'],
  ['é==a', '[ >|é|< ==a]: expected field or quoted'],
  ['image~=,id', '[image~= >|,|< id]: expected value or quoted'],
  ['id==.a', '[id== >|.|< a]: expected value or quoted'],
  ['labels.', '[labels.]: expected field or quoted'],
  ['labels.?"x"==y', '[labels. >|?|< "x"==y]: expected field or quoted'],
  ['labels.|foo|==x', '[labels. >|||< foo|==x]: invalid quote encountered'],
  ['id==/a/', '[id== >|/|< a/]: invalid quote encountered'],
  ['labels.ns/key==x', '[labels.ns >|/|< key==x]: quoted literal not terminated'],
  ['labels."a', '[labels. >|"|< a]: quoted literal not terminated'],
  ['id=="a\nb"', '[id== >|"|< a\nb"]: quoted literal not terminated'],
  ['id=="a"b', '[id=="a" >|b|< ]: unexpected input: b'],
  ['id=="\\q"', '[id== >|"|< \\q"]: illegal escape sequence'],
  ['id~=/\\d/', '[id~= >|/|< \\d/]: illegal escape sequence'],
  ['id=="\\x1"', '[id== >|"|< \\x1"]: illegal numeric escape sequence'],
  ['id=="\\777"', '[id== >|"|< \\777"]: unquoting failed: quote syntax error'],
  ['id=="\\U00110000"', '[id== >|"|< \\U00110000"]: unquoting failed: quote syntax error'],
])('%p is refused in containerd’s words', (filter, why) => {
  expect(() => compileFilters([filter])).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: `filters: parse error: ${why}` }),
  );
});

test.each(['name~=(', 'name~=a(?=b)', 'name~=x{600}y{600}'])('%s is no pattern', (filter) => {
  expect(() => compileFilters([filter])).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: expect.stringMatching(/^filters: /) }),
  );
});
