package main

import (
	"sort"
	"sync/atomic"
	"syscall"
	"time"
)

type result struct {
	Calls     int     `json:"calls"`
	Failed    int64   `json:"failed"`
	PerSecond float64 `json:"perSecond"`
	P50Ms     float64 `json:"p50Ms"`
	P99Ms     float64 `json:"p99Ms"`
	WallMs    float64 `json:"wallMs"`
	OwnCpuMs  float64 `json:"ownCpuMs"`
	// Of a unary call, on average.
	RequestBytes int64  `json:"requestBytes"`
	ReplyBytes   int64  `json:"replyBytes"`
	FirstError   string `json:"firstError,omitempty"`
}

// meter takes down what became of every record, by its number.
type meter struct {
	latencies                []time.Duration
	failed                   atomic.Int64
	requestBytes, replyBytes atomic.Int64
	firstError               atomic.Value
	startedAt                time.Time
	cpuBefore                time.Duration
}

func newMeter(calls int) *meter {
	return &meter{latencies: make([]time.Duration, calls), startedAt: time.Now(), cpuBefore: ownCpu()}
}

func (m *meter) answered(i int, began time.Time, request, reply []byte) {
	m.latencies[i] = time.Since(began)
	m.requestBytes.Add(int64(len(request)))
	m.replyBytes.Add(int64(len(reply)))
}

func (m *meter) fail(records int, err error) {
	m.failed.Add(int64(records))
	m.firstError.CompareAndSwap(nil, err.Error())
}

func (m *meter) result() result {
	wall, cpu, calls := time.Since(m.startedAt), ownCpu()-m.cpuBefore, len(m.latencies)
	sort.Slice(m.latencies, func(a, b int) bool { return m.latencies[a] < m.latencies[b] })
	text, _ := m.firstError.Load().(string)
	return result{
		Calls: calls, Failed: m.failed.Load(), FirstError: text,
		PerSecond: float64(calls) / wall.Seconds(), WallMs: ms(wall), OwnCpuMs: ms(cpu),
		P50Ms: ms(m.latencies[calls/2]), P99Ms: ms(m.latencies[calls*99/100]),
		RequestBytes: m.requestBytes.Load() / int64(calls), ReplyBytes: m.replyBytes.Load() / int64(calls),
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func ownCpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
