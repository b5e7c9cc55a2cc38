import { openSimulationStore, simulate } from "./simulation.ts";
const store = await openSimulationStore();
const h = await simulate(Number(process.argv[2]), store);
const rows = await store.query<any>("select service_point, stream, block::float8 as block, encode(frame_hash,'hex') as hash, outcome, seen_at::float8 as seen from contribution_conflict");
const iso=(s:number)=>new Date(s*1000).toISOString();
for (const r of rows) {
  const first = h.evidence.ledger.find(l=>l.servicePoint===r.service_point&&l.stream===r.stream&&l.block===r.block);
  const a=h.evidence.frames.get(first!.frameHash)!, b=h.evidence.frames.get(r.hash)!;
  console.log(r.stream, r.outcome, iso(r.block), "seen", iso(r.seen), "| first", first!.frameHash.slice(0,6), iso(a.sentSeconds), a.takenSeconds&&iso(a.takenSeconds), a.forked, h.evidence.accepted.has(first!.frameHash), "| second", r.hash.slice(0,6), iso(b.sentSeconds), b.takenSeconds&&iso(b.takenSeconds), b.forked, h.evidence.accepted.has(r.hash));
}
for (const c of h.plan.crashes) console.log(iso(h.world.dayStart(c.day+1)+c.atSeconds), JSON.stringify(c));
await store.close();
