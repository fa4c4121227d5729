// A page's stock Yjs client, driven by JSON lines: what y-websocket does, said on standard output.
// Usage: node stock.cjs <folder with node_modules> <sync url> <session> <token> <name> <how>
const { createRequire } = require('node:module')
const [folder, url, session, token, name, how] = process.argv.slice(2)
const from = createRequire(folder + '/package.json')
const Y = from('yjs')
const { WebsocketProvider } = from('y-websocket')

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n')
console.error = (...words) => say({ error: words.map(String).join(' ') })
console.warn = (...words) => say({ error: words.map(String).join(' ') })

const doc = new Y.Doc()
const chat = doc.getArray('chat')
const options = how === 'query' ? { params: { token } } : { protocols: ['tandem', token] }
const provider = new WebsocketProvider(url, session, doc, { disableBc: true, ...options })

provider.on('status', ({ status }) => say({ status }))
provider.on('sync', (synced) => say({ synced }))
provider.on('connection-close', (event) => event && say({ closed: event.code }))
chat.observe(() => say({ lines: chat.toArray().map((line) => line.text) }))
provider.awareness.on('change', () => say({
  people: [...provider.awareness.getStates()]
    .filter(([client]) => client !== doc.clientID).map(([, state]) => state.name ?? null).sort()
}))
provider.awareness.setLocalState({ name })

require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { text, quit } = JSON.parse(line)
  if (text !== undefined) chat.push([{ text }])
  if (quit) { provider.destroy(); doc.destroy(); process.exit(0) }
})
