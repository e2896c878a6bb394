package e2e
import ("testing";"time")
func TestTmp(t *testing.T){
	l,a:=realBlocks(t)
	c:=start(t,7)
	b:=time.Now()
	lap:=func(s string){t.Log(s,time.Since(b));b=time.Now()}
	submit(t,c,l); lap("ledger")
	submit(t,c,a); lap("accesses")
	c.AwaitReady(); lap("ready")
	submit(t,c,l,a); lap("again")
	for _,n:=range c.Nodes(){ n.Stop(); lap("stop "+n.Name)}
	c.Dump(); lap("dump")
	c.StartAll(); lap("start")
	c.AwaitReady(); lap("ready")
	for _,n:=range c.Shards{ n.Stop(); lap("stop "+n.Name)}
	c.Coordinator.Stop(); lap("stop c")
}
