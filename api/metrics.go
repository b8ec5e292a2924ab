package api

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Sample is one number the node counts.
type Sample struct {
	Name    string // without the tocsin_ in front
	Help    string
	Counter bool // it only grows
	Labels  []Label
	Value   float64
}

// Label tells samples of one name apart.
type Label struct{ Name, Value string }

// Metrics gives samples in the Prometheus format. They are read anew for each request, so
// nothing is counted twice.
func Metrics(read func() []Sample) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), reader(read))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

type reader func() []Sample

// Describe sends nothing: the samples say what they are when they are read.
func (reader) Describe(chan<- *prometheus.Desc) {}

func (read reader) Collect(out chan<- prometheus.Metric) {
	for _, s := range read() {
		names, values := make([]string, len(s.Labels)), make([]string, len(s.Labels))
		for i, l := range s.Labels {
			names[i], values[i] = l.Name, l.Value
		}
		kind := prometheus.GaugeValue
		if s.Counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("tocsin_"+s.Name, s.Help, names, nil), kind, s.Value, values...)
	}
}
