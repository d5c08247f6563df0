"""The KPIs of `dashboardStats`: behavioural analytics."""
